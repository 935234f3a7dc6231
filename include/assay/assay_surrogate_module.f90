! SPDX-License-Identifier: Apache-2.0
! assay/surrogate.h for Fortran: compile this with your code, and link assay_surrogate. What each does stands in the
! header. An array of points is points(inputs, count), one of derivatives jacobians(inputs, targets, count).
module assay_surrogate
  use, intrinsic :: iso_c_binding
  implicit none

  interface
    function c_open(directory, surrogate) bind(c, name='assay_surrogate_open') result(status)
      import :: c_char, c_int, c_ptr
      character(kind=c_char), intent(in) :: directory(*)
      type(c_ptr), intent(out) :: surrogate
      integer(c_int) :: status
    end function
    subroutine assay_surrogate_close(surrogate) bind(c)
      import :: c_ptr
      type(c_ptr), value :: surrogate
    end subroutine
    function assay_surrogate_input_size(surrogate) bind(c) result(numbers)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: surrogate
      integer(c_int64_t) :: numbers
    end function
    function assay_surrogate_target_size(surrogate) bind(c) result(numbers)
      import :: c_int64_t, c_ptr
      type(c_ptr), value :: surrogate
      integer(c_int64_t) :: numbers
    end function
    function assay_surrogate_has_deviation(surrogate) bind(c) result(is)
      import :: c_int, c_ptr
      type(c_ptr), value :: surrogate
      integer(c_int) :: is
    end function
    function assay_surrogate_inside(surrogate, point) bind(c) result(is)
      import :: c_double, c_int, c_ptr
      type(c_ptr), value :: surrogate
      real(c_double), intent(in) :: point(*)
      integer(c_int) :: is
    end function
    function assay_surrogate_predict(surrogate, count, points, means, deviations) bind(c) result(status)
      import :: c_double, c_int, c_int64_t, c_ptr
      type(c_ptr), value :: surrogate
      integer(c_int64_t), value :: count
      real(c_double), intent(in) :: points(*)
      real(c_double), intent(out) :: means(*)
      real(c_double), intent(out), optional :: deviations(*)
      integer(c_int) :: status
    end function
    function assay_surrogate_predict_with_jacobian(surrogate, count, points, means, jacobians, deviations) bind(c) &
      result(status)
      import :: c_double, c_int, c_int64_t, c_ptr
      type(c_ptr), value :: surrogate
      integer(c_int64_t), value :: count
      real(c_double), intent(in) :: points(*)
      real(c_double), intent(out) :: means(*), jacobians(*)
      real(c_double), intent(out), optional :: deviations(*)
      integer(c_int) :: status
    end function
    function c_message() bind(c, name='assay_surrogate_message') result(text)
      import :: c_ptr
      type(c_ptr) :: text
    end function
    function c_strlen(text) bind(c, name='strlen') result(length)
      import :: c_ptr, c_size_t
      type(c_ptr), value :: text
      integer(c_size_t) :: length
    end function
  end interface
  private :: c_open, c_message, c_strlen

contains

  integer(c_int) function assay_surrogate_open(directory, surrogate)
    character(*), intent(in) :: directory
    type(c_ptr), intent(out) :: surrogate
    assay_surrogate_open = c_open(trim(directory)//c_null_char, surrogate)
  end function

  function assay_surrogate_message() result(text)
    character(:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: i
    call c_f_pointer(c_message(), letters, [c_strlen(c_message())])
    allocate (character(size(letters)) :: text)
    do i = 1, size(letters)
      text(i:i) = letters(i)
    end do
  end function

end module
